/** Each wait against each notify; verify against writers. */

import { waits } from '../support/model-waits.ts'
import { testScenarios } from '../support/model-test.ts'

testScenarios(waits)
