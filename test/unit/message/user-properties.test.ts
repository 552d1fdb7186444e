import { mergeUserProperties } from '../../../src/message/user-properties.js';

const own = (text: string) => JSON.parse(text) as Record<string, string | string[]>;

describe('mergeUserProperties', () => {
  it('lets the later ones take precedence', () => {
    expect(mergeUserProperties({ a: '1', b: '1' }, undefined, { b: ['2', '3'] })).toEqual({
      a: '1',
      b: ['2', '3'],
    });
  });

  it('makes nothing of nothing', () => {
    expect(mergeUserProperties()).toBeUndefined();
    expect(mergeUserProperties(undefined, undefined)).toBeUndefined();
  });

  it('gives a copy', () => {
    const given = { a: '1' };
    expect(mergeUserProperties(given)).toEqual(given);
    expect(mergeUserProperties(given)).not.toBe(given);
  });

  it('keeps the names of what every object has', () => {
    const given = own('{"__proto__":["1","2"],"constructor":"3"}');
    const merged = mergeUserProperties({ a: '1' }, given)!;
    expect(Object.entries(merged)).toEqual([['a', '1'], ...Object.entries(given)]);
    expect(Object.getPrototypeOf(merged)).toBe(Object.prototype);
  });

  it.each(['text', ['a'], null, 7, true])('leaves what are no User Properties as they are: %j', (wrong) => {
    expect(mergeUserProperties({ a: '1' }, wrong as never, { b: '2' })).toBe(wrong);
  });
});
