/**
 * Ends a process whose Node.js is too old, in one sentence. Imported first by every program, for its effect: under an old
 * Node.js the other imports may fail, each in its own way. It must not use anything that an old Node.js lacks.
 */

/** The oldest that Rivulet is tested with. */
const OLDEST_MAJOR = 24;

const { node: version } = process.versions;

if (Number.parseInt(version, 10) < OLDEST_MAJOR) {
  process.stderr.write(
    `Rivulet needs Node.js ${OLDEST_MAJOR} or later, and this is ${version} (${process.execPath}). ` +
      `Install Node.js ${OLDEST_MAJOR}, or start it with npm, which uses the Node.js that comes with Rivulet's packages.\n`,
  );
  process.exit(1);
}
