/** Pools whose workers have all started. */

import type { Answer } from '../workers/pool-task.ts'

interface Pool {
  run(task: string): Promise<unknown>
}

/** Gives tasks to a pool until so many of its workers have answered one; the first of them may
 *  answer several while the others still load their module. */
export async function answered(pool: Pool, workers: number): Promise<void> {
  const threads = new Set<unknown>()
  while (threads.size < workers) {
    const tasks = Array.from({ length: workers }, () => pool.run('read'))
    for (const answer of await Promise.all(tasks)) threads.add((answer as Answer).thread)
  }
}
