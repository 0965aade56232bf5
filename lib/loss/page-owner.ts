/** Whoever has the contents of the window's pages. It is not trusted: it may do nothing of what is said here. */

/** An answer of an owner. */
export interface PageAnswer {
  /** Of the request that it answers. */
  readonly id: number;
  readonly page: number;
  /** A page of bytes, or why there are none. */
  readonly result: { readonly contents: Uint8Array } | { readonly error: string };
}

/** An owner as the VMM sees it. */
export interface PageOwner {
  /** Asks for a page, without waiting. Throwing is an answer too: the page cannot be had. */
  ask(id: number, page: number): void;
  /** The next answer that has come; null where there is none. */
  take(): PageAnswer | null;
}

/** What a module for {@link WorkerPageOwner} makes: an owner in a thread of its own. */
export interface PageFetcher {
  /**
   * Fetches a page and answers. A fetch that throws, or whose promise is rejected, has answered that the page cannot be had.
   * @param page - of the window
   * @param answer - with the page that was fetched: its contents, or why there are none
   */
  fetch(page: number, answer: (page: number, contents: Uint8Array | Error) => void): void | Promise<void>;
}

/** What such a module exports. */
export interface PageFetcherExports {
  openPageFetcher(options: unknown): PageFetcher | Promise<PageFetcher>;
}
