/**
 * Finds the endless loop of asynchronous page faults: a page that cannot be had is "not present", then "ready", then touched again, for ever, and KVM_RUN never fails.
 * From outside a loop is a number of faults that grows while a part of the window is lost. What tells it from other faults is tried: the lost part is
 * protected, so that the next access fails and names its page; it is given back once; when the same instruction comes for the same page again, nothing
 * has become of the fault in between.
 *
 * No I/O here: the caller counts, protects, and tells.
 */

/** So many faults, while a part of the window is lost, are a reason to look. */
export const SUSPICIOUS_FAULTS = 4;
/** So many pages are remembered at most. */
const MOST_SIGHTINGS = 64;

/** A loop, proven. */
export interface LoopFound {
  readonly kind: 'loop';
  /** Guest frame number: gpa / 4096. */
  readonly gfn: number;
  /** Faults from the first that may have been one of the loop to the one that proved it. */
  readonly turns: number;
}

/** What is to be done about an access that failed because its page is protected. */
export type LoopVerdict =
  | LoopFound
  /** Give the lost part back for a turn: this may have been an access like any other. */
  | { readonly kind: 'let go' }
  /** The part stays protected, since a loop has been found before: no page of it can loop. */
  | { readonly kind: 'lost' };

/** `watching` until there is a reason to look; `armed` while the lost part is protected; `letting go` for the turn after a first sighting; `standing` after a loop. */
type State = 'watching' | 'armed' | 'letting go' | 'standing';

const LET_GO: LoopVerdict = { kind: 'let go' };
const LOST: LoopVerdict = { kind: 'lost' };

interface Sighting {
  readonly rip: number;
  readonly faults: number;
}

/** See the module's comment. One for each vCPU. */
export class LoopWatch {
  private state: State = 'watching';
  private first = -1;
  private letGoAt = 0;
  private readonly sightings = new Map<number, Sighting>();

  /**
   * To be told of each exit.
   * @param faults - that KVM has counted of this vCPU
   * @param isShort - whether the window has a part that is lost
   * @returns whether the lost part is to be protected while the guest runs on
   */
  exit(faults: number, isShort: boolean): boolean {
    if (!isShort) {
      this.reset();
      return false;
    }
    if (this.first < 0) this.first = faults;
    const due = (this.state === 'watching' && faults - this.first >= SUSPICIOUS_FAULTS) || (this.state === 'letting go' && faults > this.letGoAt);
    if (due) this.state = 'armed';
    return this.state === 'armed' || this.state === 'standing';
  }

  /** To be told of an access that failed because the lost part is protected. `gfn` and `rip` are the access's. */
  refused(gfn: number, rip: number, faults: number): LoopVerdict {
    if (this.state === 'standing') return LOST;
    const seen = this.sightings.get(gfn);
    if (seen?.rip === rip && faults > seen.faults) {
      this.state = 'standing';
      return { kind: 'loop', gfn, turns: faults - this.first };
    }
    if (this.sightings.size >= MOST_SIGHTINGS) this.sightings.clear();
    this.sightings.set(gfn, { rip, faults });
    this.letGoAt = faults;
    this.state = 'letting go';
    return LET_GO;
  }

  private reset(): void {
    this.state = 'watching';
    this.first = -1;
    this.sightings.clear();
  }
}
