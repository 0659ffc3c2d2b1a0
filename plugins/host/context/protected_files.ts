/** Files that decide what a project is made of, or which plugins it trusts. */
const files = new Set([
  "bun.lock",
  "bun.lockb",
  "bunfig.toml",
  "deno.json",
  "deno.jsonc",
  "deno.lock",
  "dockerfile",
  "import_map.json",
  "jsconfig.json",
  "jsr.json",
  "justfile",
  "keepfit.json",
  "keepfit.lock.json",
  "makefile",
  "npm-shrinkwrap.json",
  "package-lock.json",
  "package.json",
  "pnpm-lock.yaml",
  "pnpm-workspace.yaml",
  "pyproject.toml",
  "requirements.txt",
  "tsconfig.json",
  "yarn.lock",
]);

/** Files that something runs. */
const code =
  /\.(?:bash|bat|class|cjs|cmd|com|cts|desktop|dll|dylib|exe|fish|jar|js|jsx|lnk|mjs|mts|node|php|pl|ps1|psm1|py|pyc|pyw|rb|reg|scr|sh|so|ts|tsx|url|vbs|wasm|zsh)$/;

/**
 * True for what no plugin gets to write, whatever was granted: what a runtime, a package manager, an
 * editor or a shell would take for its own and run or obey later. A grant to write is one to leave
 * data behind.
 *
 * @param path relative to the output directory, by slashes
 */
export function isProtected(path: string): boolean {
  return path.split("/").some((part) => {
    const name = folded(part);
    // `.git`, `.github`, `.vscode`, `.npmrc`, `.envrc`; on Windows `GIT~1` is one of them.
    return name.startsWith(".") || /~\d/.test(name) || name === "node_modules" || files.has(name) ||
      code.test(name);
  });
}

/** As file systems take names for one that differ in case, in accents, in what is not seen, or at their end. */
function folded(name: string): string {
  return name.normalize("NFKC").replace(/\p{Default_Ignorable_Code_Point}/gu, "").toUpperCase()
    .toLowerCase().replace(/[. ]+$/, "");
}
