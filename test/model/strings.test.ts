/** Copy-on-write strings, in every order to 3 preemptions, with deaths. */

import { strings } from '../support/model-strings.ts'
import { testScenarios } from '../support/model-test.ts'

testScenarios(strings)
