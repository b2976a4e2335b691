/** A crash at every step, and who repairs what it leaves. */

import { dying } from '../support/model-crashes.ts'
import { testScenarios } from '../support/model-test.ts'

testScenarios(dying, { bounded: ['crash-repair'] })
