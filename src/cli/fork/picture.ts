/** The pictures of `rootswap demo fork`: a line of cells for all pages, and a table. */

import type { PageState } from '../../cow/space.ts'
import type { Way } from './run.ts'

/** Cells of a map; each stands for as many pages as it takes. */
const CELLS = 64
const SHADES = ['·', '░', '▒', '▓', '█']
export const LEGEND =
  "· all pages of the cell are shared   ░▒▓ some are this side's own   █ all are"
const GREEN = '\x1b[32m'
const PLAIN = '\x1b[0m'

/** One line: how much of each part of the image is the space's own. */
export function drawMap(pages: readonly PageState[], color: boolean): string {
  const cells = Math.min(CELLS, pages.length)
  let line = ''
  for (let cell = 0; cell < cells; cell++) {
    const from = Math.floor((cell * pages.length) / cells)
    const part = pages.slice(from, Math.floor(((cell + 1) * pages.length) / cells))
    const own = part.filter((state) => state === 'own').length / part.length
    const shade = SHADES[own === 1 ? 4 : Math.ceil(own * 3)] as string
    line += color && own > 0 ? `${GREEN}${shade}${PLAIN}` : shade
  }
  return line
}

const TITLES = [
  '',
  'child begins after',
  'bytes copied',
  'pages',
  'parent wrote within',
  'all done',
]

export function drawTable(ways: readonly Way[]): string {
  const rows = ways.map((way) => [
    way.name,
    `${way.startMs.toFixed(2)} ms`,
    way.bytesCopied.toLocaleString('en'),
    way.pagesCopied.toLocaleString('en'),
    `${way.parentMs.toFixed(1)} ms`,
    `${way.totalMs.toFixed(1)} ms`,
  ])
  const widths = TITLES.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] as string).length)),
  )
  return [TITLES, ...rows]
    .map((row) => {
      const cells = row.map((text, column) => {
        const width = widths[column] as number
        return column === 0 ? text.padEnd(width) : text.padStart(width)
      })
      return `  ${cells.join('   ')}`.trimEnd()
    })
    .join('\n')
}
