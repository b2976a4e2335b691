/** The other scenarios once more, with threads that die at any step. */

import { deaths } from '../support/model-dying.ts'
import { testScenarios } from '../support/model-test.ts'

testScenarios(deaths)
