import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from './project.mjs';

/**
 * The packages that the lockfile wants on this machine. `mayBeMissing` are optional ones that belong to a package
 * for another platform: npm leaves them out, and the lockfile does not say why.
 */
export function listPackages() {
  return Object.entries(readPackages('package-lock.json'))
    .filter(([path, entry]) => path !== '' && isForThisMachine(entry))
    .map(([path, { optional, os, cpu, integrity }]) => {
      const isPlatformPackage = os !== undefined || cpu !== undefined;
      return { path, integrity, mayBeMissing: optional === true && !isPlatformPackage };
    });
}

export function isPresent(path) {
  return existsSync(join(projectRoot, path, 'package.json'));
}

/** Whether npm has installed just these, by what it writes down last of all. */
export function isInstalledByHand() {
  try {
    const installed = readPackages('node_modules/.package-lock.json');
    return listPackages().every(({ path, integrity, mayBeMissing }) =>
      installed[path] === undefined
        ? mayBeMissing
        : installed[path].integrity === integrity && isPresent(path),
    );
  } catch {
    return false;
  }
}

function readPackages(file) {
  return JSON.parse(readFileSync(join(projectRoot, file), 'utf8')).packages;
}

function isForThisMachine({ os, cpu, libc }) {
  return allows(os, process.platform) && allows(cpu, process.arch) && allows(libc, findLibc());
}

/** npm's rule: `["linux"]`, `"linux"` or `["!win32"]`. */
function allows(list, value) {
  if (list === undefined) return true;
  const entries = [list].flat();
  if (entries.includes(`!${value}`)) return false;
  return entries.includes(value) || entries.every((entry) => entry.startsWith('!'));
}

let libcFamily;

function findLibc() {
  if (process.platform !== 'linux') return undefined;
  process.report.excludeNetwork = true;
  libcFamily ??= process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
  return libcFamily;
}
