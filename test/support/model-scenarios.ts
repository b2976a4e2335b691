/** All scenarios over the shipped heap. */

import { branches } from './model-branches.ts'
import { deaths } from './model-dying.ts'
import { histories } from './model-history.ts'
import { deltas } from './model-deltas.ts'
import { graces } from './model-grace.ts'
import { rcus } from './model-rcu.ts'
import { structures } from './model-maps.ts'
import { slots } from './model-slots.ts'
import { dying } from './model-crashes.ts'
import { ousts } from './model-oust.ts'
import { stores } from './model-store.ts'
import { waits } from './model-waits.ts'
import { publishers } from './model-publishers.ts'
import { readers } from './model-readers.ts'
import { holding } from './model-holds.ts'
import type { ModelScenario } from './model-run.ts'
import { spaces } from './model-spaces.ts'
import { strings } from './model-strings.ts'

export const scenarios: readonly ModelScenario[] = [
  ...readers,
  ...publishers,
  ...deltas,
  ...branches,
  ...histories,
  ...slots,
  ...dying,
  ...waits,
  ...stores,
  ...ousts,
  ...deaths,
  ...graces,
  ...rcus,
  ...structures,
  ...holding,
  ...strings,
  ...spaces,
]
