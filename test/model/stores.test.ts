/** Stores: the shipped reader, writer, drafts and decoder. */

import { stores } from '../support/model-store.ts'
import { testScenarios } from '../support/model-test.ts'

testScenarios(stores)
