const { hash } = require('node:crypto');
const { createRequire } = require('node:module');

/**
 * Packages are loaded by Node itself, once in each worker: what Jest gets of a file of theirs leads there. A package that
 * keeps one state for a process must be left out in jest.config.cjs.
 */
module.exports = {
  process(source, path, { supportsDynamicImport, supportsStaticESM }) {
    // Jest itself loads its own setup in this way, by Node.
    if (!supportsDynamicImport) return { code: source };
    return { code: supportsStaticESM ? asModule(path) : asScript(path) };
  },
  getCacheKey(source, path, { supportsDynamicImport, supportsStaticESM }) {
    return hash('sha256', JSON.stringify([1, supportsDynamicImport, supportsStaticESM, path, source]));
  },
};

const nativeRequire = createRequire(__filename);
// Not enumerable: the globals of a test file go with it.
Object.defineProperty(globalThis, 'nativeRequire', { value: nativeRequire, configurable: true });

function asScript(path) {
  return `module.exports = nativeRequire(${JSON.stringify(path)});`;
}

/** An ES module says the names of what it exports. */
function asModule(path) {
  const names = Object.keys(nativeRequire(path)).map((name) => JSON.stringify(name));
  const exported = names.map((name, n) => `const _${n} = all[${name}];\nexport { _${n} as ${name} };`);
  return [`const all = nativeRequire(${JSON.stringify(path)});`, ...exported].join('\n');
}
