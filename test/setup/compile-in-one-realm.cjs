/**
 * Jest compiles every module again for each test file, in a context of the file. Here all modules belong to the realm of
 * the process, and V8 takes what it has compiled before.
 */
const vm = require('node:vm');

/** By file: its code, and what V8 has made of it. V8 itself compares lengths alone. */
const compiled = new Map();

function dataOf(file, code) {
  const known = compiled.get(file);
  return known?.code === code ? known.data : undefined;
}

const { compileFunction, SourceTextModule, SyntheticModule } = vm;

vm.compileFunction = (code, parameters, given = {}) => {
  const options = { ...given, parsingContext: undefined };
  const cachedData = dataOf(options.filename, code);
  if (cachedData !== undefined) {
    const result = compileFunction(code, parameters, { ...options, cachedData });
    if (!result.cachedDataRejected) return result;
  }
  const result = compileFunction(code, parameters, { ...options, produceCachedData: true });
  compiled.set(options.filename, { code, data: result.cachedData });
  return result;
};

vm.SourceTextModule = new Proxy(SourceTextModule, {
  construct(target, [code, given = {}]) {
    const options = { ...given, context: undefined };
    const file = `module ${options.identifier}`;
    const cachedData = dataOf(file, code);
    try {
      if (cachedData !== undefined) return new target(code, { ...options, cachedData });
    } catch (error) {
      // V8's flags have changed since: libs/platform sets one.
      if (error.code !== 'ERR_VM_MODULE_CACHED_DATA_REJECTED') throw error;
    }
    const result = new target(code, options);
    compiled.set(file, { code, data: result.createCachedData() });
    return result;
  },
});

vm.SyntheticModule = new Proxy(SyntheticModule, {
  construct: (target, [names, evaluate, given]) =>
    new target(names, evaluate, { ...given, context: undefined }),
});
