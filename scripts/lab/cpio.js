/** Archives in cpio's "newc" format, which is what a kernel takes as its initramfs (Documentation/driver-api/early-userspace/buffer-format.rst). */

const REGULAR = 0o100000;
const DIRECTORY = 0o040000;
const SYMLINK = 0o120000;

/** @param {number} size of what was written @returns {Buffer} zeros up to a multiple of four */
const padding = (size) => Buffer.alloc((4 - (size % 4)) % 4);

/** Collects files in memory. Everything belongs to root; parents are added by themselves. */
export class CpioArchive {
  /** @type {Buffer[]} */
  #chunks = [];
  #inode = 0;
  #directories = new Set(['/']);

  /**
   * @param {string} path absolute
   * @param {string | Uint8Array} content of the file
   * @param {number} [mode] its permissions
   */
  file(path, content, mode = 0o644) {
    this.#parents(path);
    this.#entry(path, REGULAR | mode, typeof content === 'string' ? Buffer.from(content) : content);
  }

  /**
   * @param {string} path absolute
   * @param {string} target what it points to
   */
  symlink(path, target) {
    this.#parents(path);
    this.#entry(path, SYMLINK | 0o777, Buffer.from(target));
  }

  /**
   * @param {string} path absolute
   */
  directory(path) {
    if (this.#directories.has(path)) return;
    this.#parents(path);
    this.#directories.add(path);
    this.#entry(path, DIRECTORY | 0o755, Buffer.alloc(0));
  }

  /**
   * @returns {Buffer} the archive; nothing can be added afterwards
   */
  end() {
    this.#entry('/TRAILER!!!', 0, Buffer.alloc(0));
    return Buffer.concat(this.#chunks);
  }

  /** @param {string} path whose parents are wanted */
  #parents(path) {
    const parent = path.slice(0, path.lastIndexOf('/'));
    if (parent !== '') this.directory(parent);
  }

  /**
   * @param {string} path absolute
   * @param {number} mode type and permissions
   * @param {Uint8Array} content what follows
   */
  #entry(path, mode, content) {
    const name = Buffer.from(`${path.slice(1)}\0`);
    const fields = [++this.#inode, mode, 0, 0, 1, 0, content.byteLength, 0, 0, 0, 0, name.byteLength, 0];
    const head = Buffer.concat([Buffer.from(`070701${fields.map((value) => value.toString(16).padStart(8, '0')).join('')}`), name]);
    this.#chunks.push(head, padding(head.byteLength), Buffer.from(content), padding(content.byteLength));
  }
}
