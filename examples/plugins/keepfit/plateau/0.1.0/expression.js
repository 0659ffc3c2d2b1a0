const functions = {
  abs: Math.abs,
  exp: Math.exp,
  log: Math.log,
  max: Math.max,
  min: Math.min,
  sqrt: Math.sqrt,
};
const arity = { abs: 1, exp: 1, log: 1, sqrt: 1 };
const precedence = { "+": 1, "-": 1, "*": 2, "/": 2, "^": 4 };
const maxDepth = 50;

/**
 * Parse a formula of keys of the logs, numbers, `+ - * / ^`, parentheses and
 * `abs exp log max min sqrt`. It is never run as code.
 *
 * @param {string} text for example `"val_loss + 0.1 * abs(loss - val_loss)"`
 * @returns {{ names: Set<string>, evaluate(logs: Record<string, number>): number }}
 * @throws SyntaxError with the position, if it cannot be parsed
 */
export function parseExpression(text) {
  const tokens = tokenize(text);
  const names = new Set();
  let at = 0;
  let depth = 0;

  const fail = (expected) => {
    const found = at < tokens.length ? `"${tokens[at].text}" at ${tokens[at].at + 1}` : "its end";
    return new SyntaxError(
      `Cannot read the expression "${text}": found ${found}, expected ${expected}`,
    );
  };
  const isNext = (one) => at < tokens.length && tokens[at].text === one;
  function expect(one) {
    if (!isNext(one)) throw fail(`"${one}"`);
    at++;
  }

  function parseBinary(least) {
    if (++depth > maxDepth) throw fail("fewer levels");
    let left = parseUnary();
    while (at < tokens.length && precedence[tokens[at].text] >= least) {
      const operator = tokens[at++].text;
      // Powers are right-associative.
      const right = parseBinary(precedence[operator] + (operator === "^" ? 0 : 1));
      left = operate(operator, left, right);
    }
    depth--;
    return left;
  }

  function parseUnary() {
    if (++depth > maxDepth) throw fail("fewer levels");
    try {
      if (!isNext("-")) return parseOne();
      at++;
      const operand = parseBinary(3);
      return (logs) => -operand(logs);
    } finally {
      depth--;
    }
  }

  function parseOne() {
    const token = tokens[at];
    if (token === undefined) throw fail("a number, a name or (");
    if (token.text === "(") {
      at++;
      const inner = parseBinary(1);
      expect(")");
      return inner;
    }
    if (token.kind === "number") {
      at++;
      return () => token.value;
    }
    if (token.kind !== "name") throw fail("a number, a name or (");
    at++;
    if (isNext("(")) return parseCall(token);
    names.add(token.text);
    return (logs) => logs[token.text];
  }

  function parseCall({ text: name }) {
    if (!Object.hasOwn(functions, name)) {
      at--;
      throw fail(`one of the functions ${Object.keys(functions).join(", ")}`);
    }
    expect("(");
    const args = [parseBinary(1)];
    while (isNext(",")) {
      at++;
      args.push(parseBinary(1));
    }
    expect(")");
    if (Object.hasOwn(arity, name) && args.length !== arity[name]) {
      at--;
      throw fail(`${arity[name]} argument for ${name}`);
    }
    return (logs) => functions[name](...args.map((arg) => arg(logs)));
  }

  const evaluate = parseBinary(1);
  if (at < tokens.length) throw fail("an operator or the end");
  return { names, evaluate };
}

function operate(operator, left, right) {
  switch (operator) {
    case "+":
      return (logs) => left(logs) + right(logs);
    case "-":
      return (logs) => left(logs) - right(logs);
    case "*":
      return (logs) => left(logs) * right(logs);
    case "/":
      return (logs) => left(logs) / right(logs);
    default:
      return (logs) => left(logs) ** right(logs);
  }
}

function tokenize(text) {
  const tokens = [];
  const pattern =
    /\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([A-Za-z_][\w.]*)|([-+*/^(),]))/y;
  while (/\S/.test(text.slice(pattern.lastIndex))) {
    const from = pattern.lastIndex;
    const match = pattern.exec(text);
    if (match === null) {
      const at = from + text.slice(from).search(/\S/);
      throw new SyntaxError(
        `Cannot read the expression "${text}": found "${text[at]}" at ${
          at + 1
        }, expected a number, ` +
          "a name, an operator or a parenthesis",
      );
    }
    const [, number, name, sign] = match;
    const at = pattern.lastIndex - (number ?? name ?? sign).length;
    if (number !== undefined) {
      tokens.push({ kind: "number", text: number, value: Number(number), at });
    } else tokens.push({ kind: name === undefined ? "sign" : "name", text: name ?? sign, at });
  }
  return tokens;
}
