interface Strategy {
  listen(callback: (error?: unknown) => void): unknown;
}

/** Resolves when Nest's strategy calls back. */
export async function listen(strategy: Strategy): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    strategy.listen((error) => (error === undefined ? resolve() : reject(error)));
  });
}
