# SPDX-License-Identifier: GPL-2.0-or-later
# summary: documents, and the targets that take away what was installed and that install for one user without root. The
#          rules of the tool and of the plugin stand with them.
set(documents ${PROJECT_SOURCE_DIR})
install(FILES ${documents}/README.md ${documents}/CHANGELOG.md ${documents}/LICENSE ${documents}/docs/contract.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT documents)

function(proxytunnel_installer target action comment)
  add_custom_target(${target}
    COMMAND ${CMAKE_COMMAND} -D ACTION=${action} ${ARGN} -D BUILD=${PROJECT_BINARY_DIR}
            -P ${PROJECT_SOURCE_DIR}/cmake/Installer.cmake
    COMMENT "${comment}"
    USES_TERMINAL
    VERBATIM)
endfunction()

proxytunnel_installer(uninstall uninstall "Removing what was installed")
proxytunnel_installer(install-personal install-personal "Installing both programs below ~/.local")
proxytunnel_installer(install-personal-plugin install-personal "Installing the plugin below ~/.local"
                      -D COMPONENT=plugin)
proxytunnel_installer(uninstall-personal uninstall-personal "Removing what was installed below ~/.local")
add_dependencies(install-personal pcap-unproxy completions proxytunnel_plugin)
add_dependencies(install-personal-plugin proxytunnel_plugin)
if(TARGET proxytunnel_window)
  add_dependencies(install-personal proxytunnel_window)
  add_dependencies(install-personal-plugin proxytunnel_window)
endif()
