const PAIR = /^(\d+) → (\d+)$/;

/** Prints, after Jest's own summary, how many tests of each project passed: for pairs as a matrix. */
module.exports = class MatrixReporter {
  #projects = new Map();

  onTestResult(test, result) {
    const { name } = test.context.config.displayName;
    const total = this.#projects.get(name) ?? { passed: 0, failed: 0 };
    total.passed += result.numPassingTests;
    total.failed += result.numFailingTests + (result.testExecError === undefined ? 0 : 1);
    this.#projects.set(name, total);
  }

  onRunComplete() {
    const names = [...this.#projects.keys()].toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }));
    const pairs = names.map((name) => PAIR.exec(name)).filter((match) => match !== null);
    const lines = names
      .filter((name) => !PAIR.test(name))
      .map((name) => `${name.padEnd(17)}  ${this.#describe(name)}`);
    if (pairs.length > 0) lines.push(...this.#matrix(pairs));
    process.stdout.write(`\n${lines.join('\n')}\n`);
  }

  #matrix(pairs) {
    const centrals = [...new Set(pairs.map(([, central]) => central))];
    const edges = [...new Set(pairs.map(([, , edge]) => edge))].toSorted((a, b) => a - b);
    const rows = centrals.map((central) => [
      `central ${central}`,
      ...edges.map((edge) => this.#describe(`${central} → ${edge}`)),
    ]);
    const table = [['', ...edges.map((edge) => `edge ${edge}`)], ...rows];
    const widths = table[0].map((_, index) => Math.max(...table.map((row) => row[index].length)));
    return table.map((row) =>
      row
        .map((cell, index) => cell.padEnd(widths[index]))
        .join('  ')
        .trimEnd(),
    );
  }

  #describe(name) {
    const total = this.#projects.get(name);
    if (total === undefined) return '–';
    const { passed, failed } = total;
    return failed === 0 ? `${passed} passed` : `${failed} FAILED`;
  }
};
