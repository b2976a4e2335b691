/** The rules that a configuration must keep before anybody gets to see it. */

import { follow, type Path } from './document.ts'

interface Rule {
  readonly path: Path
  readonly says: string
  readonly holds: (value: unknown) => boolean
}

const isPort = (value: unknown): boolean => isWhole(value) && (value as number) < 65_536
const isWhole = (value: unknown): boolean => Number.isInteger(value) && (value as number) > 0
const isPart = (value: unknown): boolean => typeof value === 'number' && value >= 0 && value <= 1

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error']

const RULES: readonly Rule[] = [
  { path: ['server', 'port'], says: 'a port', holds: isPort },
  { path: ['metrics', 'port'], says: 'a port', holds: isPort },
  { path: ['database', 'poolSize'], says: 'a whole number above 0', holds: isWhole },
  { path: ['limits', 'cartItemsMax'], says: 'a whole number above 0', holds: isWhole },
  { path: ['logging', 'sampleRate'], says: 'a part of 1', holds: isPart },
  {
    path: ['logging', 'level'],
    says: `one of ${LEVELS.join(', ')}`,
    holds: (value) => LEVELS.includes(value as string),
  },
]

/** Why a configuration is refused, or undefined when it keeps every rule. */
export function complaint(config: unknown): string | undefined {
  for (const { path, says, holds } of RULES) {
    const value = follow(config, path)
    if (!holds(value)) return `${path.join('.')} is ${JSON.stringify(value)}, not ${says}`
  }
  const features = Object.entries((follow(config, ['features']) ?? {}) as object)
  const wrong = features.find(([, feature]) => !isPart(follow(feature, ['rollout'])))
  return wrong && `features.${wrong[0]}.rollout is not a part of 1`
}
