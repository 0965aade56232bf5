/** A Worker's orders: its thread starts before there is anything to do, since starting takes longer than making the machine. */
import { parentPort } from 'node:worker_threads';

/** The plan that {@link SupervisedWorker.order} sends; waits for it. */
export async function receiveOrders<T>(): Promise<T> {
  return await new Promise((resolve) => parentPort?.once('message', resolve));
}
