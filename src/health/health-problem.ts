import type { ConnectionHealth } from '../index.js';
import type { SourceHealth } from './mqtt-health-source.js';

/** Why what is there cannot do its work now. */
export function readinessProblem(healths: readonly SourceHealth[]): string | undefined {
  if (healths.length === 0) return 'No server or client is open';
  return firstProblem(
    healths,
    (health) => connectionProblem(health) ?? listeningProblem(health) ?? subscriptionProblem(health),
  );
}

/** Why waiting will not help. */
export function livenessProblem(healths: readonly SourceHealth[]): string | undefined {
  return firstProblem(healths, ({ givenUp, lastError }) =>
    givenUp ? `The connection has ended for good${because(lastError)}` : undefined,
  );
}

function connectionProblem({ status, lastError }: ConnectionHealth): string | undefined {
  return status === 'connected' ? undefined : `Not connected${because(lastError)}`;
}

/** Of a server that shares its connection, or closes. */
function listeningProblem({ listening }: SourceHealth): string | undefined {
  return listening === false ? 'The server does not listen' : undefined;
}

function subscriptionProblem({ subscriptions, lastError }: ConnectionHealth): string | undefined {
  const { granted, wanted } = subscriptions;
  return granted >= wanted ? undefined : `${granted} of ${wanted} subscriptions granted${because(lastError)}`;
}

function firstProblem(
  healths: readonly SourceHealth[],
  problemOf: (health: SourceHealth) => string | undefined,
): string | undefined {
  return healths.map(problemOf).find((problem) => problem !== undefined);
}

function because(error: Error | undefined): string {
  return error === undefined ? '' : `: ${error.message}`;
}
