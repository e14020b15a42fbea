/* SPDX-License-Identifier: GPL-2.0-or-later
 * summary: Tools > Proxy Tunnel, in Wireshark's window. Programs without one have no menus.
 */
#ifndef PROXYTUNNEL_MENU_H
#define PROXYTUNNEL_MENU_H

void menu_register(int proto);

#endif
