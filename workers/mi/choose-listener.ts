/** Which listener carries the management interface: uWebSockets.js where it is installed, else node:http and ws. */
import { createRequire } from 'node:module';
import type { Listen } from './listener.js';
import { listenWithNode } from './node-listener.js';
import { listenWithUws, type Uws } from './uws-listener.js';

const PACKAGE = 'uWebSockets.js';

export interface Choice {
  name: 'uWebSockets.js' | 'ws';
  listen: Listen;
  /** Why uWebSockets.js is installed and not used; undefined otherwise. */
  because: string | undefined;
}

/** @param load gives the package, or throws as `require` does */
export function chooseListener(load: (name: string) => unknown = createRequire(import.meta.url)): Choice {
  let loaded: unknown;
  try {
    loaded = load(PACKAGE);
  } catch (error) {
    return {
      name: 'ws',
      listen: listenWithNode,
      because: missing(error) ? undefined : (error as Error).message,
    };
  }
  if (isUws(loaded)) return { name: PACKAGE, listen: listenWithUws(loaded), because: undefined };
  // A release of it that has no binary for this Node gives a stand-in that can do less.
  return { name: 'ws', listen: listenWithNode, because: 'it has nothing for this platform and Node version' };
}

function missing(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'MODULE_NOT_FOUND' && message.includes(`'${PACKAGE}'`);
}

function isUws(loaded: unknown): loaded is Uws {
  const { App, LIBUS_LISTEN_EXCLUSIVE_PORT, us_listen_socket_close, us_socket_local_port } =
    loaded as Partial<Uws>;
  return (
    typeof App === 'function' &&
    typeof us_listen_socket_close === 'function' &&
    typeof us_socket_local_port === 'function' &&
    typeof LIBUS_LISTEN_EXCLUSIVE_PORT === 'number'
  );
}
