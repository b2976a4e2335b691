/** Several publishers, and rounds that change hands. */

import { publishers } from '../support/model-publishers.ts'
import { testScenarios } from '../support/model-test.ts'

testScenarios(publishers)
