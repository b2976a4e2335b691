/** Hash maps and queues: linearizable, and whole after deaths. */

import { structures } from '../support/model-maps.ts'
import { testScenarios } from '../support/model-test.ts'

testScenarios(structures, {
  bounded: ['rcu-map', 'rcu-map-resize', 'rcu-queue', 'rcu-crash-queue'],
})
