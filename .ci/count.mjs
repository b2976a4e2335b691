/**
 * Counts tests.
 *
 *   count.mjs --exit-status N report.json   one run: prints `N passed, N failed, N skipped`
 *   count.mjs --failures report.json …      names what failed in each, a line each
 *   count.mjs --counts a.counts b.counts    sums such lines: prints `tests: …`
 *
 * A file that did not load, and a run that failed with no failed test (an unhandled error, a
 * crash), count as one failed test each: no failure is lost in the sum.
 */
import { existsSync, readFileSync } from 'node:fs'
import { basename, relative } from 'node:path'

const [mode, ...rest] = process.argv.slice(2)
if (mode === '--exit-status') console.log(phrase(countReport(Number(rest[0]), rest[1])))
else if (mode === '--failures') for (const path of rest) printFailures(path)
else if (mode === '--counts') console.log(`tests: ${phrase(sum(rest))}`)
else throw new Error(`count.mjs does not know ${mode}`)

function countReport(status, path) {
  const count = { passed: 0, failed: 0, skipped: 0 }
  for (const { status: fileStatus, assertionResults } of reportOf(path).testResults) {
    let failedHere = 0
    for (const { status: result } of assertionResults) {
      if (result === 'passed') count.passed++
      else if (result === 'failed') failedHere++
      else count.skipped++
    }
    count.failed += fileStatus === 'failed' ? Math.max(failedHere, 1) : failedHere
  }
  if (status !== 0 && count.failed === 0) count.failed = 1
  return count
}

function printFailures(path) {
  const run = basename(path, '.json')
  const { success, testResults } = reportOf(path)
  let named = 0
  const name = (what, message) => {
    named++
    console.log(`FAILED ${run}: ${what}: ${firstLine(message)}`)
  }
  for (const { name: file, status, message, assertionResults } of testResults) {
    const failed = assertionResults.filter((result) => result.status === 'failed')
    const where = relative(process.cwd(), file)
    for (const { fullName, failureMessages } of failed) {
      name(`${where} > ${fullName}`, failureMessages[0])
    }
    if (status === 'failed' && failed.length === 0) name(where, message)
  }
  if (success !== true && named === 0) name('the run', 'failed, and no test of it did')
}

/** A run that crashed leaves half a report, or none. */
function reportOf(path) {
  try {
    const report = JSON.parse(readFileSync(path, 'utf8'))
    return { success: report.success, testResults: report.testResults ?? [] }
  } catch {
    return { success: false, testResults: [] }
  }
}

function firstLine(text = '') {
  return text.split('\n')[0]
}

function sum(paths) {
  const total = { passed: 0, failed: 0, skipped: 0 }
  for (const path of paths.filter((name) => existsSync(name))) {
    const numbers = (readFileSync(path, 'utf8').match(/\d+/g) ?? [0, 1, 0]).map(Number)
    for (const [index, key] of Object.keys(total).entries()) total[key] += numbers[index]
  }
  return total
}

function phrase({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}
