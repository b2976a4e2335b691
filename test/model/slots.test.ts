/** Registration against a round's scan; reaping against whoever comes next. */

import { slots } from '../support/model-slots.ts'
import { testScenarios } from '../support/model-test.ts'

testScenarios(slots, { bounded: ['late-notice'] })
