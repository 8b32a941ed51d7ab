/**
 * Which ICE session a WHIP or WHEP session is in: its entity tag and the client's credentials. A request that was meant
 * for an earlier one must not touch this one. RFC 9725 §4.3.1, RFC 9110 §8.8.3 and §13.1.1, RFC 6585 §3.
 */
import { randomBytes } from 'node:crypto';
import { ServerError } from '../errors.js';
import type { Session } from '../rooms/session.js';

interface Credentials {
  readonly usernameFragment: string;
  readonly password: string;
}

export class IceSessions {
  /** Gone with the sessions. */
  readonly #current = new WeakMap<Session, { readonly tag: string; readonly client: Credentials }>();

  /** @returns the tag of the ICE session that begins */
  begin(session: Session, { usernameFragment, password }: Credentials): string {
    const tag = `"${randomBytes(9).toString('base64url')}"`;
    this.#current.set(session, { tag, client: { usernameFragment, password } });
    return tag;
  }

  /** Whether these credentials are those of the present ICE session. Others ask for a restart. */
  isCurrent(session: Session, { usernameFragment, password }: Credentials): boolean {
    const client = this.#current.get(session)?.client;
    return client?.usernameFragment === usernameFragment && client.password === password;
  }

  /** @throws ServerError PRECONDITION_REQUIRED or PRECONDITION_FAILED */
  requireMatch(session: Session, ifMatch: string | undefined): void {
    if (ifMatch === undefined)
      throw new ServerError('PRECONDITION_REQUIRED', 'Send If-Match with the ETag, or * for a restart.');
    const tag = this.#current.get(session)?.tag;
    const listed = ifMatch.split(',').map((each) => each.trim());
    // The examples of RFC 9725 have the asterisk in quotes.
    if (listed.some((each) => each === tag || each === '*' || each === '"*"')) return;
    throw new ServerError('PRECONDITION_FAILED', 'The ICE session has been restarted since.');
  }
}
