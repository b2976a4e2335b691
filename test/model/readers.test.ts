/** Readers against publishers and reclaiming, over the shipped code. */

import { readers } from '../support/model-readers.ts'
import { testScenarios } from '../support/model-test.ts'

testScenarios(readers)
