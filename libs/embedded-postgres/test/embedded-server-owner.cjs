// A process that starts an embedded server in the directory it is given, says where, and then stays, so that a test
// can kill it. It compiles the sources as they are, because a test must not depend on a build.
const { existsSync, readFileSync } = require('node:fs');
const { registerHooks } = require('node:module');
const path = require('node:path');
const { fileURLToPath } = require('node:url');
const swc = require('@swc/core');

const libs = path.resolve(__dirname, '..', '..');
const compilerOptions = {
  module: { type: 'commonjs' },
  jsc: { target: 'es2023', parser: { syntax: 'typescript' } },
};

registerHooks({
  resolve(specifier, context, next) {
    const lib = /^@rivulet\/([a-z-]+)$/.exec(specifier)?.[1];
    if (lib !== undefined) return next(path.join(libs, lib, 'src', 'index.ts'), context);
    const source = specifier.startsWith('./')
      ? fileURLToPath(new URL(`${specifier}.ts`, context.parentURL))
      : '';
    return next(existsSync(source) ? source : specifier, context);
  },
  load(url, context, next) {
    if (!url.endsWith('.ts')) return next(url, context);
    const filename = fileURLToPath(url);
    const { code } = swc.transformSync(readFileSync(filename, 'utf8'), { filename, ...compilerOptions });
    return { format: 'commonjs', source: code, shortCircuit: true };
  },
});

const { startEmbeddedServer } = require('../src/index.ts');

startEmbeddedServer({ directory: process.argv[2], databases: ['demo'] }).then(
  (server) => process.stdout.write(JSON.stringify({ pid: server.pid, url: server.url('demo') })),
  (error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  },
);
