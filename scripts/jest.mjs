import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findNode, projectRoot } from './project.mjs';
import { runChild } from './run-child.mjs';

/**
 * Runs Jest and prints, as the last line, `N passed, N failed, N skipped`. Resolves to the exit code, which is not 0
 * when there was nothing to run.
 */
export async function runJest(args, environment = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'rivulet-jest-'));
  const resultsFile = join(folder, 'results.json');
  try {
    const { code, stoppedBy } = await run(['--json', `--outputFile=${resultsFile}`, ...args], environment);
    if (stoppedBy !== undefined) return code;
    const { passed, failed, skipped } = count(resultsFile);
    process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
    return code === 0 && passed + failed === 0 ? 1 : code;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(args, environment) {
  const options = [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    // V8's cache of compiled code keeps the modules of every test file that has run: 21 MB for each that loads Nest.
    '--no-compilation-cache',
    `--require=${join(projectRoot, 'scripts', 'end-with-parent.cjs')}`,
    join(projectRoot, 'node_modules', 'jest', 'bin', 'jest.js'),
  ];
  const env = { ...testEnvironment(), ...environment };
  return runChild(findNode(), [...options, ...args], { cwd: projectRoot, env, ipc: true });
}

/** Tests depend on, and touch, nothing that the shell names: not its databases, not its ports. */
function testEnvironment() {
  const own = Object.entries(process.env).filter(([name]) => !/^(CENTRAL|EDGE)_/.test(name));
  return { ...Object.fromEntries(own), NODE_ENV: 'test' };
}

/** A file that cannot be run has no tests to fail, so it counts as one. */
function count(resultsFile) {
  try {
    const results = JSON.parse(readFileSync(resultsFile, 'utf8'));
    return {
      passed: results.numPassedTests,
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
      skipped: results.numPendingTests + results.numTodoTests,
    };
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  }
}
