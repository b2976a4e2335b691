/** Shared, moved, duplicated, dropped and adopted subtrees under any reader. */

import { deltas } from '../support/model-deltas.ts'
import { testScenarios } from '../support/model-test.ts'

testScenarios(deltas)
