/** Grace periods against readers: both flavors, shared waits, cookies, wraps, deaths. */

import { graces } from '../support/model-grace.ts'
import { testScenarios } from '../support/model-test.ts'

const bounded = ['rcu-sleep', 'rcu-shared', 'rcu-two-writers', 'rcu-crash-reader']

testScenarios(graces, { bounded })
