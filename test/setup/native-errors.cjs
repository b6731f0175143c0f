// Jest runs tests in a realm of their own, where errors made by Node's core are not `instanceof Error`.
// Libraries that ask (p-retry) would then not recognise a network error.
const { isNativeError } = require('node:util').types;

const original = Error[Symbol.hasInstance];
Object.defineProperty(Error, Symbol.hasInstance, {
  configurable: true,
  value(candidate) {
    return this === Error
      ? isNativeError(candidate) || original.call(this, candidate)
      : original.call(this, candidate);
  },
});
