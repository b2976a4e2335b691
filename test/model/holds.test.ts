/** Counted blocks, in every order, with deaths. */

import { holding } from '../support/model-holds.ts'
import { testScenarios } from '../support/model-test.ts'

testScenarios(holding)
