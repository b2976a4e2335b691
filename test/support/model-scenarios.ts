/** All scenarios over the shipped heap. */

import { deaths } from './model-dying.ts'
import { deltas } from './model-deltas.ts'
import { slots } from './model-slots.ts'
import { dying } from './model-crashes.ts'
import { stores } from './model-store.ts'
import { waits } from './model-waits.ts'
import { publishers } from './model-publishers.ts'
import { readers } from './model-readers.ts'
import type { ModelScenario } from './model-run.ts'

export const scenarios: readonly ModelScenario[] = [
  ...readers,
  ...publishers,
  ...deltas,
  ...slots,
  ...dying,
  ...waits,
  ...stores,
  ...deaths,
]
