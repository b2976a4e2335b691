/** Caches that are given up when memory is short. */

import { ousts } from '../support/model-oust.ts'
import { testScenarios } from '../support/model-test.ts'

testScenarios(ousts)
