/** Somebody in a world who does things one step at a time. */

/** Collects what can be done in a state. */
export class ActionList {
  readonly codes: number[] = [];
  /** Of each: true for what may never happen, so that nobody may rely on it. */
  readonly optional: boolean[] = [];
  /** Actions that are not optional. */
  obliged = 0;
  private agent = 0;

  /** Empties the list. */
  clear(): void {
    this.codes.length = 0;
    this.optional.length = 0;
    this.obliged = 0;
  }

  /** Sets whose actions follow. */
  of(agent: number): void {
    this.agent = agent;
  }

  /** An action that happens unless another prevents it. */
  must(kind: number, a: number, b = 0): void {
    this.codes.push(actionCode(this.agent, kind, a, b));
    this.optional.push(false);
    this.obliged++;
  }

  /** An action that may never happen. */
  may(kind: number, a: number, b = 0): void {
    this.codes.push(actionCode(this.agent, kind, a, b));
    this.optional.push(true);
  }
}

/** See the module's comment. An agent has no state of its own: all is in the world's words. */
export interface Agent {
  /** Adds what the agent can do in the world's state. `kind`, `a` and `b` of an action are below 64. */
  offer(list: ActionList): void;
  /** Does it. */
  perform(kind: number, a: number, b: number): void;
}

function actionCode(agent: number, kind: number, a: number, b: number): number {
  return (((agent * 64 + kind) * 64 + a) * 64) + b;
}

/** Agent of an action. */
export function actionAgent(code: number): number {
  return code >>> 18;
}

/** Kind of an action, as its agent numbers them. */
export function actionKind(code: number): number {
  return (code >>> 12) & 63;
}

/** First argument of an action. */
export function actionA(code: number): number {
  return (code >>> 6) & 63;
}

/** Second argument of an action. */
export function actionB(code: number): number {
  return code & 63;
}
