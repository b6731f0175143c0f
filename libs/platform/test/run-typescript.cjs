/** Lets a plain Node process of a test run a TypeScript file: `node run-typescript.cjs file.ts`. */
const { readFileSync } = require('node:fs');
const { registerHooks } = require('node:module');
const path = require('node:path');
const { transformSync } = require('@swc/core');

const libs = path.resolve(__dirname, '../..');

registerHooks({
  resolve(specifier, context, next) {
    const lib = /^@rivulet\/([a-z-]+)$/.exec(specifier);
    if (lib) return next(path.join(libs, lib[1], 'src/index.ts'), context);
    const isOurs = specifier.startsWith('.') && context.parentURL?.endsWith('.ts');
    return next(isOurs ? `${specifier}.ts` : specifier, context);
  },
});

require.extensions['.ts'] = (module, filename) => {
  const { code } = transformSync(readFileSync(filename, 'utf8'), {
    filename,
    sourceMaps: 'inline',
    module: { type: 'commonjs' },
    jsc: {
      target: 'es2023',
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
    },
  });
  // oxlint-disable-next-line no-underscore-dangle -- Node's own name for it
  module._compile(code, filename);
};

require(path.resolve(process.argv[2]));
