/** Versions that are named late, over the shipped code. */

import { histories } from '../support/model-history.ts'
import { testScenarios } from '../support/model-test.ts'

testScenarios(histories)
