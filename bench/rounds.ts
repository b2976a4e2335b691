/** Sides of a comparison that run in turn in one process, so that both see the same machine. */

import { median } from './rows.ts'

/** Milliseconds of one piece of work; what is prepared for it is not measured. */
export interface Side {
  prepare?(): void
  run(): void
}

export interface Times {
  /** Per round, in order. */
  readonly each: readonly number[]
  readonly median: number
  readonly best: number
}

/** Runs all sides in turn, `rounds` times after `warm` rounds that do not count. */
export function inTurn<Name extends string>(
  sides: Readonly<Record<Name, Side>>,
  { rounds, warm = 1 }: { readonly rounds: number; readonly warm?: number },
): Record<Name, Times> {
  const names = Object.keys(sides) as Name[]
  const each = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<
    Name,
    number[]
  >
  for (let round = -warm; round < rounds; round++) {
    // Every other round backwards, so that none always runs after the same one.
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const side = sides[name]
      side.prepare?.()
      globalThis.gc?.()
      const begin = process.hrtime.bigint()
      side.run()
      const ms = Number(process.hrtime.bigint() - begin) / 1e6
      if (round >= 0) each[name].push(ms)
    }
  }
  const times = names.map((name): [Name, Times] => {
    const list = each[name]
    return [name, { each: list, median: median(list), best: Math.min(...list) }]
  })
  return Object.fromEntries(times) as Record<Name, Times>
}

/** The median of the ratios of two sides, round by round. */
export function ratioOf(ours: Times, peer: Times): number {
  return median(ours.each.map((time, round) => time / (peer.each[round] as number)))
}
