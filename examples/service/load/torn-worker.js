/** Broken on purpose: what it says of the release is what the request before it saw. */
import { price as wholePrice } from '../worker.js'

export { audit } from '../worker.js'

let before

export function price(task) {
  const whole = wholePrice(task)
  const release = before ?? whole.release
  before = whole.release
  return { ...whole, release }
}
