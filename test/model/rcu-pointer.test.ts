/** Pointers and retired blocks against readers and deaths. */

import { rcus } from '../support/model-rcu.ts'
import { testScenarios } from '../support/model-test.ts'

testScenarios(rcus, { bounded: ['rcu-pointer', 'rcu-crash-pointer', 'rcu-pointer-two'] })
