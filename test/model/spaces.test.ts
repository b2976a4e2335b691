/** Address spaces: faults against forks, exits and deaths, in every order. */

import { spaces } from '../support/model-spaces.ts'
import { testScenarios } from '../support/model-test.ts'

testScenarios(spaces)
