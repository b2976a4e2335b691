/** Branches against publishing, reclaiming and each other, over the shipped code. */

import { branches } from '../support/model-branches.ts'
import { testScenarios } from '../support/model-test.ts'

testScenarios(branches)
