/** Files that define a project or the plugins it trusts. */
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

/** Extensions of executable files. */
const code =
  /\.(?:bash|bat|class|cjs|cmd|com|cts|desktop|dll|dylib|exe|fish|jar|js|jsx|lnk|mjs|mts|node|php|pl|ps1|psm1|py|pyc|pyw|rb|reg|scr|sh|so|ts|tsx|url|vbs|wasm|zsh)$/;

/**
 * Whether no plugin may write a file, regardless of grants: files that a runtime, a package
 * manager, an editor or a shell would later execute or read as configuration. Permission to write
 * is permission to store data.
 *
 * @param path relative to the output directory, separated by slashes
 */
export function isProtected(path: string): boolean {
  return path.split("/").some((part) => {
    const name = folded(part);
    // `.git`, `.github`, `.vscode`, `.npmrc`, `.envrc`; on Windows `GIT~1` is one of them.
    return name.startsWith(".") || /~\d/.test(name) || name === "node_modules" || files.has(name) ||
      code.test(name);
  });
}

/**
 * A name without differences that file systems may ignore: case, accents, invisible characters,
 * trailing dots and spaces.
 */
function folded(name: string): string {
  return name.normalize("NFKC").replace(/\p{Default_Ignorable_Code_Point}/gu, "").toUpperCase()
    .toLowerCase().replace(/[. ]+$/, "");
}
