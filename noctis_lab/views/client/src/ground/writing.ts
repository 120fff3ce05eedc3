/** Requests that change something, and saying what came of them. */
import { messageOf } from "./transport";

/** The guard refuses writing requests without it: another origin cannot send it. */
const OURS = { "X-Noctis": "1" };

export const sent = (method: "POST" | "PUT", body: unknown): RequestInit =>
  ({ method, headers: { "Content-Type": "application/json", ...OURS }, body: JSON.stringify(body) });

export const REMOVE: RequestInit = { method: "DELETE", headers: OURS };

/** Do something and say that it is done, or why it is not. */
export async function actAndSay(say: (words: string) => void, act: () => Promise<unknown>, done: string): Promise<boolean> {
  try {
    await act();
    say(done);
    return true;
  } catch (error) {
    say(messageOf(error));
    return false;
  }
}
