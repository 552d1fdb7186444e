/**
 * Asks the service over HTTP.
 * @param {string} path
 * @param {object} [body]
 * @returns {Promise<any>} what it answers
 * @throws {Error} with the service's own words, if it refuses
 */
export async function post(path, body = {}) {
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.message);
  return answer;
}
