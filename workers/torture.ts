/** A thread under torture: see src/torture/thread.ts. */

import { runThread } from '../src/torture/thread.ts'

await runThread()
