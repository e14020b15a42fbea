# SPDX-License-Identifier: GPL-2.0-or-later
# summary: a link where Wireshark looks for programs that capture, so that it lists "Proxy tunnels on ...".
#
# Wireshark's own folder and the personal one have moved (4.6, 4.2). The prefix may be given as late as at installation,
# so the choice between them is made then, as for the plugin.
pkg_get_variable(wireshark_prefix wireshark prefix)
pkg_get_variable(wireshark_plugins wireshark plugindir)
if(WIRESHARK_VERSION VERSION_LESS 4.5)
  cmake_path(SET extcap_folder NORMALIZE "${wireshark_plugins}/../../extcap")
else()
  set(extcap_folder "${wireshark_prefix}/libexec/wireshark/extcap")
endif()
cmake_path(RELATIVE_PATH extcap_folder BASE_DIRECTORY ${wireshark_prefix} OUTPUT_VARIABLE extcap_below_prefix)
set(extcap_personal "\${CMAKE_INSTALL_PREFIX}/lib/wireshark/extcap")
if(WIRESHARK_VERSION VERSION_LESS 4.2)
  set(extcap_personal "\$ENV{HOME}/.config/wireshark/extcap")
endif()

install(CODE "
  cmake_path(SET prefix NORMALIZE \"\${CMAKE_INSTALL_PREFIX}\")
  cmake_path(SET personal NORMALIZE \"\$ENV{HOME}/.local\")
  set(folder \"\${prefix}/${extcap_below_prefix}\")
  if(prefix STREQUAL personal)
    set(folder \"${extcap_personal}\")
  elseif(prefix STREQUAL \"/usr/local\")
    set(folder \"${extcap_folder}\")
  endif()
  cmake_path(SET program \"\${prefix}/${CMAKE_INSTALL_BINDIR}/pcap-unproxy\")
  cmake_path(RELATIVE_PATH program BASE_DIRECTORY \"\${folder}\" OUTPUT_VARIABLE program)
  file(MAKE_DIRECTORY \"${CMAKE_CURRENT_BINARY_DIR}/extcap\")
  file(CREATE_LINK \"\${program}\" \"${CMAKE_CURRENT_BINARY_DIR}/extcap/pcap-unproxy\" SYMBOLIC)
  file(INSTALL DESTINATION \"\${folder}\" TYPE FILE FILES \"${CMAKE_CURRENT_BINARY_DIR}/extcap/pcap-unproxy\")"
  COMPONENT tool)
