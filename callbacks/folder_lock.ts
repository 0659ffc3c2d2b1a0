import type { FileSystem, Path } from "../runtime/types.ts";

/**
 * The lock of a folder on runtimes with file locks, which the system releases when a process ends,
 * however it ends. On others nothing is locked.
 */
export class FolderLock {
  readonly #fs: FileSystem;
  readonly #file: Path;
  #unlock: (() => void) | undefined;

  /**
   * @param fs file system of the folder
   * @param file path of the locked file; created, and removed again
   */
  constructor(fs: FileSystem, file: Path) {
    this.#fs = fs;
    this.#file = file;
  }

  /** True while this process holds it. */
  get isOurs(): boolean {
    return this.#unlock !== undefined;
  }

  /** Take the lock, if there are locks; false if another process holds it. */
  async take(): Promise<boolean> {
    if (this.#fs.lock === undefined) return true;
    // A lock is worth nothing if another process has removed the file in the meantime: so it is
    // tried again, and must fail. Some disks grant every lock.
    for (let tries = 0; tries < 10; tries++) {
      const unlock = await this.#fs.lock(this.#file).catch(() => null);
      if (unlock === null) break;
      if (unlock === undefined) return this.isOurs;
      this.#unlock?.();
      this.#unlock = unlock;
    }
    await this.release();
    return true;
  }

  /** Release it; may be called again. */
  async release(): Promise<void> {
    const unlock = this.#unlock;
    this.#unlock = undefined;
    // In this order, so that no other process locks a file that is gone.
    if (unlock !== undefined) await this.#fs.remove(this.#file).finally(unlock);
  }

  /** Remove the file of a process that has ended, on runtimes without locks. */
  async removeStale(): Promise<void> {
    await this.#fs.remove(this.#file);
  }
}
